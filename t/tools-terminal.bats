#!/usr/bin/env bats
# The tools at a terminal: ls -w draws and puts everything back; bash
# completes options, live export names and images.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	setup_dirs
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M image
	nbdmux-add -d "a description" disk image >/dev/null 2>&1
	nbdmux-add other image >/dev/null 2>&1
	printf '%s\n' "$TERMINAL" >terminal
}

# terminal ROWS COLUMNS ACTIONS COMMAND...: what the command writes to a
# terminal while the actions (Python, with fd and pid) are done to it; then its
# exit status, and whether the terminal's settings are as they were.
TERMINAL='import fcntl, os, pty, select, signal, struct, sys, termios, time
def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
def until(text, seconds=5):
    global out
    end = time.monotonic() + seconds
    while text not in out and time.monotonic() < end:
        if select.select([fd], [], [], 0.05)[0]:
            try: out += os.read(fd, 65536)
            except OSError: break
    assert text in out, (text, out)
def rest(seconds=0.5):
    try: until(b"never there", seconds)
    except AssertionError: pass
out, (fd, tty) = b"", pty.openpty()
size(int(sys.argv[1]), int(sys.argv[2]))
before = termios.tcgetattr(tty)
pid = os.fork()
if pid == 0:
    os.close(fd)
    os.login_tty(tty) if hasattr(os, "login_tty") else (os.setsid(),
        fcntl.ioctl(tty, termios.TIOCSCTTY, 0),
        [os.dup2(tty, i) for i in range(3)])
    os.execvp(sys.argv[4], sys.argv[4:])
exec(sys.argv[3])
end = time.monotonic() + 5
while time.monotonic() < end:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: break
    if select.select([fd], [], [], 0.02)[0]: out += os.read(fd, 65536)
else:
    os.kill(pid, 9)
    sys.exit("it did not end")
while select.select([fd], [], [], 0)[0]: out += os.read(fd, 65536)
open("screen", "wb").write(out)
print(os.waitstatus_to_exitcode(status), termios.tcgetattr(tty) == before)'

terminal()
{
	/usr/bin/python3 terminal "$@" 3>&-
}

# The other screen was entered first and left last.
put_back()
{
	[[ $(head -c 8 screen) == $'\033[?1049h' ]]
	[[ $(tail -c 19 screen) == $'\033[?7h\033[?25h\033[?1049l' ]]
}

@test "ls -w draws until a key, and puts the terminal back" {
	run terminal 24 80 'until(b"a description"); os.write(fd, b"q")' nbdmux-ls -w
	[ "$output" = "0 True" ]
	put_back
	grep -q "no daemon runs  exports: 2" screen
}

@test "ls -w ends with Ctrl-C, and with signals" {
	run terminal 24 80 'until(b"other"); os.write(fd, b"\3")' nbdmux-ls -w
	[ "$output" = "0 True" ]
	put_back
	run terminal 24 80 'until(b"other"); os.kill(pid, signal.SIGTERM)' nbdmux-ls -w
	[ "$output" = "-15 True" ]
	put_back
}

@test "ls -w draws again, and shows what has changed" {
	run terminal 24 80 'until(b"exports: 2")
os.unlink(os.environ["NBDMUX_SPOOL"] + "/other.ini")
until(b"exports: 1"); os.write(fd, b" ")' nbdmux-ls -w --interval 0.1
	echo "$output"
	[ "$output" = "0 True" ]
}

@test "ls -w fits into a small window, and follows its size" {
	for i in {1..30}; do
		cp "$SPOOL/disk.ini" "$SPOOL/d$i.ini"
	done
	run terminal 5 20 'until(b"NAME"); rest()
assert out.count(b"\n") == 4, out
out = b""; size(10, 60); until(b"STATUS"); rest()
assert out.count(b"\n") == 9, out
os.write(fd, b"q")' nbdmux-ls -w --interval 60
	echo "$output"
	[ "$output" = "0 True" ]
	run ! grep DESCRIPTION screen
}

@test "ls -w that is stopped gives the terminal back meanwhile" {
	run terminal 24 80 'until(b"other"); out = b""; os.write(fd, b"\x1a")
until(b"\x1b[?1049l")
assert os.waitpid(pid, os.WUNTRACED)[1] & 0xff == 0x7f
assert termios.tcgetattr(tty) == before
out = b""; os.kill(pid, signal.SIGCONT); until(b"other"); os.write(fd, b"q")' nbdmux-ls -w
	echo "$output"
	[ "$output" = "0 True" ]
}

# --- completion ---------------------------------------------------------------

# completes LINE WORD...: what bash offers at the end of the line is this.
completes()
{
	local line=$1 got want

	shift
	got=$(bash --norc -c '
		. "$1"
		line=${2//=/ = }
		eval "COMP_WORDS=($line)"
		[[ $line != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_nbdmux "${COMP_WORDS[0]}"
		printf "%s\n" "${COMPREPLY[@]}"' - \
	    "$BATS_TEST_DIRNAME/../etc/completion/nbdmux" "$line" | sort)
	want=$(printf '%s\n' "$@" | sort)
	[ "$got" = "$want" ] || { echo "$line: $got"; return 1; }
}

@test "bash completes the names of the exports that there are" {
	completes "nbdmux-rm " disk other
	completes "nbdmux-rm d" disk
	completes "nbdmux-rm --kick --timeout=3 disk o" other
	completes "nbdmux-ls x" ""
	completes "nbdmux-events --limit=3 d" disk
	completes "nbdmux-add d" disk
	mkdir -p elsewhere
	nbdmux-add -s elsewhere there image 2>/dev/null
	completes "nbdmux-ls -s elsewhere " there
	completes "$NBDMUX_BIN/nbdmux-rm o" other
	completes "nbdmuxd --stdio d" disk
	completes "nbdmuxd --stdio=o" other
}

@test "bash completes options, their values, and files" {
	completes "nbdmux-rm --k" --kick
	completes "nbdmux-add --block-m" --block-min= --block-max=
	completes "nbdmux-add --mode=" ro rw
	completes "nbdmux-add --mode=rw new im" image
	completes "nbdmux-add -d text new im" image
	mkdir dir
	: >"dir/a b"
	completes "nbdmux-add new dir/" "dir/a b"
	completes "nbdmux-ls -s di" dir
	completes "nbdmux-ls -C im" image
	completes "nbdmux-add --netboot=im" image
	completes "nbdmux-add --kernel im" image
}

@test "bash completes every option that --help shows" {
	for tool in add rm ls events; do
		# shellcheck disable=SC2046 # a list of words
		completes "nbdmux-$tool --" $(nbdmux-$tool --help |
		    grep -oE '^  (-., )?--[^ =]+=?' | grep -oE -- '--.*')
	done
}
