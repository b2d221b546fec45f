"""
livetest_change: one change at a time, and what old and new clients see of it.
"""

from livetest import *


def only_generations(server, name, current, old, clients):
	"""nbdmux-ls shows exactly these generations, soon."""
	def shown():
		e = server.ls(name)["exports"][0]
		return (e["generation"], sorted(e["old_generations"]),
			e["clients"])
	until(f"{name} with generation {current}, {old} and {clients} "
		"clients in nbdmux-ls", lambda: shown() == (current, old,
		clients))


def image_replaced(server):
	"""Who reads an image that is replaced reads it to its end."""
	server.serve("disk", 1, size=4 * MiB)
	with server.go() as old:
		equal("the version", server.version(old), 1)
		server.image("disk", 2, 8 * MiB)
		with server.go() as new:	# at once, without a rescan
			equal("the version for a new client",
				server.version(new), 2)
			equal("the new size", new.size, 8 * MiB)
			only_generations(server, "disk", 2, [1], 2)
			for at in range(0, 4 * MiB, 128 * KiB):
				equal("the old image", old.read(at, 128 * KiB),
					content(1, 128 * KiB, at))
			old.disc()
			only_generations(server, "disk", 2, [], 1)
			equal("the version", server.version(new), 2)
	equal("the size in the state", server.state("disk")["size"],
		str(8 * MiB))


def image_and_file_replaced(server):
	"""Many generations live as long as their clients."""
	clients = []
	for n in range(1, 9):
		path = server.image(f"image{n}", n)
		server.add("disk", server.text(path))
		clients.append(server.go())
		os.unlink(path)
	for n, c in enumerate(clients, 1):
		equal("the version", server.version(c), n)
	only_generations(server, "disk", 8, list(range(1, 8)), 8)
	for c in clients[1:7]:
		c.close()
	only_generations(server, "disk", 8, [1], 2)
	equal("the version", server.version(clients[0]), 1)
	until("the old images are closed", lambda: deleted_files(server) == 2)


def deleted_files(server):
	"""How many files without a name the daemon holds open."""
	count = 0
	for fd in os.listdir(f"/proc/{server.pid}/fd"):
		try:
			count += os.readlink(f"/proc/{server.pid}/fd/{fd}"
				).endswith("(deleted)")
		except FileNotFoundError:
			pass
	return count


def mode_changed(server):
	"""A change of mode is for new clients; who writes goes on writing."""
	path = server.serve("disk", 1, "rw")
	with server.go() as writer:
		server.add("disk", server.text(path))
		with server.go() as reader:
			check(reader.flags & READ_ONLY, "a new client may write")
			equal("the error of a WRITE",
				reader.try_write(0, b"x" * 512), EPERM)
			writer.write(0, b"y" * 512)
			equal("the data", reader.read(0, 512), b"y" * 512)
			only_generations(server, "disk", 2, [1], 2)
		server.add("disk", server.text(path, "rw"))
		with server.go() as second:
			check(not second.flags & READ_ONLY, "it stays read-only")
			writer.disc()
			only_generations(server, "disk", 3, [], 1)


def drained(server):
	"""A removed export ends for new clients, not for those it has."""
	server.serve("disk", 1)
	c = server.go()
	server.remove("disk")
	until("draining", lambda: server.state("disk")["status"] == "draining")
	server.refused_as("disk", ERR_UNKNOWN)
	with server.hello() as other:
		other.refused(ERR_UNKNOWN, INFO, info_data("disk"))
		check("disk" not in other.list(), "a draining export is listed")
	equal("the version", server.version(c), 1)
	server.serve("disk", 2)		# it comes back before the last has gone
	equal("the version", server.version(c), 1)
	with server.go() as new:
		equal("the version", server.version(new), 2)
	server.remove("disk")
	until("draining", lambda: server.state("disk")["status"] == "draining")
	c.disc()
	until("no state", lambda: server.state("disk") is None)
	check("disk" not in server.states(), "its state stays")


def kicked(server):
	"""A kick ends all clients of what was removed, and only those."""
	server.serve("disk", 1)
	server.serve("other", 2)
	clients = [server.go() for _ in range(3)]
	with server.go("other") as other:
		server.remove("disk")
		open(server.spool("disk.kick"), "w").close()
		for c in clients:
			c.fin("after a kick")
		equal("the version", server.version(other), 2)
		until("no marker and no state", lambda:
			not os.path.exists(server.spool("disk.kick"))
			and server.state("disk") is None)
		server.logged(("reason=", "kicked"))


def kicked_while_it_sleeps(server):
	"""A kick ends those that read no replies as well, in drain-timeout."""
	server.serve("disk", 1, size=8 * MiB)
	with server.go() as c:
		for _ in range(100):
			c.request(READ, 0, 8 * MiB)
		time.sleep(0.3)
		server.remove("disk")
		open(server.spool("disk.kick"), "w").close()
		until("the client's end", lambda: server.state("disk") is None)


def bad_text(server):
	"""Bad text leaves what is served alone, and the state says why."""
	path = server.serve("disk", 1)
	with server.go() as c:
		state = server.add("disk", "[export]\nimgae = /x\n")
		equal("the status", state["status"], "ready")
		for words in ("disk.ini:2:", "imgae", "image",
		    "generation 1 is still served"):
			check(words in state["error"], f"{words!r} is not in "
				f"{state['error']!r}")
		with server.go() as new:
			equal("the version", server.version(new), 1)
		state = server.add("disk", server.text("/nonexistent/image"))
		check("/nonexistent/image" in state["error"], state["error"])
		equal("the version", server.version(c), 1)
		state = server.add("disk", server.text(path))
		check("error" not in state, f"the error stays: {state}")
		equal("the generation", state["generation"], "1")
	server.logged((" error export name=disk", "imgae"))


def bad_from_the_start(server):
	"""An export that was never good is failed, refused and not listed."""
	state = server.add("disk", server.text(server.path("later")))
	equal("the status", state["status"], "failed")
	server.refused_as("disk", ERR_PLATFORM)
	with server.hello() as c:
		check("disk" not in c.list(), "a failed export is listed")
	server.image("later", 3)
	until("the rescan", lambda: server.state("disk")["status"] == "ready")
	with server.go() as c:
		equal("the version", server.version(c), 3)


def rescanned(server):
	"""What inotify cannot see is found by looking: --rescan=1."""
	path = server.serve("disk", 1)
	os.symlink(server.path("elsewhere.ini"), server.spool("linked.ini"))
	until("a bad link", lambda: server.state("linked") is not None)
	equal("the status", server.state("linked")["status"], "failed")
	server.image("disk", 2, 512 * KiB)
	until("another image", lambda: server.state("disk")["generation"]
		== "2")
	equal("the size", server.state("disk")["size"], str(512 * KiB))
	with open(server.path("elsewhere.ini"), "w") as f:
		f.write(server.text(path))
	until("the link's file", lambda: server.state("linked")["status"]
		== "ready")
	os.unlink(path)
	until("the image is gone", lambda: "gone" in
		server.state("disk").get("error", ""))
	with server.go() as c:
		equal("the version", server.version(c), 2)


def reloaded(server):
	"""SIGHUP takes a good configuration up; a bad one changes nothing."""
	server.serve("disk", 1)
	with server.hello() as c:
		c.refused(ERR_UNKNOWN, INFO, info_data(""))
		check("probe" in c.list(), "there is no probe")
	server.reload("default-export = disk", "probe = no",
		"max-options = 3")
	with server.hello() as c:
		c.accepted("")
	until("the probe's end", lambda: server.state("probe") is None)
	server.refused_as("probe", ERR_UNKNOWN)
	server.reload("default-export = disk", "rescam = 5")
	server.logged(("nbdmuxd.conf:3", "rescam", "rescan",
		"old configuration stays"))
	with server.hello() as c:
		for _ in range(3):
			c.accepted("")
		c.push(option_bytes(LIST))
		c.closed(what="after more than max-options")
	server.reload("listing = no", "threads = 7")
	server.logged(("threads", "restart"))
	with server.hello() as c:
		c.refused(ERR_POLICY, LIST)
		c.refused(ERR_UNKNOWN, INFO, info_data(""))
		c.accepted("probe")
	os.unlink(server.option("conf"))
	os.kill(server.pid, signal.SIGHUP)
	server.logged(("reload", "nbdmuxd.conf", "No such file"))
	server.alive()


def nothing_rewritten(server):
	"""Without a change no state file is touched, however often one looks."""
	def files():
		exports = os.path.join(server.option("state"), "exports")
		paths = [os.path.join(exports, f) for f in
			os.listdir(exports)]
		paths.append(os.path.join(server.option("state"),
			"daemon.ini"))
		return {p: (os.stat(p).st_ino, os.stat(p).st_mtime_ns)
			for p in paths}
	for n in range(5):
		server.serve(f"disk{n}", n)
	server.add("bad", "rubbish")
	before = files()
	time.sleep(1.2)
	server.reload()
	with server.go("disk1") as c:
		equal("the version", server.version(c), 1)
	time.sleep(1.2)
	equal("the state files", files(), before)


CASES = (image_replaced, image_and_file_replaced, mode_changed, drained,
	kicked, kicked_while_it_sleeps, bad_text, bad_from_the_start,
	rescanned, reloaded, nothing_rewritten)
