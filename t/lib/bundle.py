"""
bundle: netboot bundles for tests, good ones and those of somebody hostile.

	bundle.py FILE KIND [VERSION]

writes a tar with vmlinuz, initrd and manifest.json, whose bytes tell the
VERSION, and which is as KIND says: one of the functions below.
"""

import hashlib
import io
import json
import sys
import tarfile

PAX, GNU, USTAR = tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT
file, kind = sys.argv[1:3]
version = sys.argv[3] if len(sys.argv) > 3 else "one"
kernel = (f"kernel {version} ".encode() * 30000)[:300000]
initrd = (f"initrd {version} ".encode() * 70000)[:700000]


def sha(data):
	return hashlib.sha256(data).hexdigest()


MANIFEST = {"variant": "test", "version": version,
	"sha256": {"vmlinuz": sha(kernel), "initrd": sha(initrd)}}


def member(name, data=b"", **more):
	info = tarfile.TarInfo(name)
	info.size = len(data)
	for key, value in more.items():
		setattr(info, key, value)
	return info, data


def files(manifest=MANIFEST):
	text = manifest if isinstance(manifest, bytes) else \
		json.dumps(manifest).encode()
	return [member("vmlinuz", kernel), member("initrd", initrd),
		member("manifest.json", text)]


def write(members, form=PAX):
	with tarfile.open(file, "w", format=form) as tar:
		for info, data in members:
			tar.addfile(info, io.BytesIO(data))


def without(name):
	return [m for m in files() if m[0].name != name]


def special(name, type, **more):
	return without(name) + [member(name, type=type, **more)]


def cut(at):
	write(files())
	with open(file, "r+b") as f:
		f.truncate(at)


def huge(name, size):
	"""A header that tells of more than there is."""
	write([])
	info = tarfile.TarInfo(name)
	info.size = size
	with open(file, "wb") as f:
		f.write(info.tobuf(GNU) + b"x" * 4096)


def extras():
	write([member("./", type=tarfile.DIRTYPE),
		member("./doc", type=tarfile.DIRTYPE), member("./doc/vmlinuz", b"no"),
		member("././/vmlinuz", kernel), member("./initrd", initrd, mode=0o4777,
		uid=1234), member("./manifest.json", json.dumps(MANIFEST).encode()),
		member("x" * 200, b"a long name"), member("ü", b"another")])


def changed(**more):
	write(files({**MANIFEST, **more}))


KINDS = {
	"good": lambda: write(files()),
	"gnu": lambda: write(files(), GNU),
	"ustar": lambda: write(files(), USTAR),
	"extras": extras,
	"sized": lambda: changed(vmlinuz={"size": 300000, "sha256": sha(kernel)},
		files={"initrd": sha(initrd)}),
	# Those that are refused:
	"absolute": lambda: write(files() + [member("/tmp/evil", b"x")]),
	"dotdot": lambda: write(files() + [member("../evil", b"x")]),
	"dotdot-inside": lambda: write(files() + [member("a/../b", b"x")]),
	"symlink": lambda: write(special("vmlinuz", tarfile.SYMTYPE,
		linkname="/etc/passwd")),
	"symlink-other": lambda: write(files() + [member("x",
		type=tarfile.SYMTYPE, linkname="..")]),
	"hardlink": lambda: write(special("initrd", tarfile.LNKTYPE,
		linkname="vmlinuz")),
	"device": lambda: write(special("initrd", tarfile.CHRTYPE, devmajor=1,
		devminor=5)),
	"fifo": lambda: write(files() + [member("x", type=tarfile.FIFOTYPE)]),
	"twice": lambda: write(files() + [member("vmlinuz", kernel)]),
	"twice-dot": lambda: write(files() + [member("./initrd", b"x")]),
	"directory": lambda: write(special("vmlinuz", tarfile.DIRTYPE)),
	"many": lambda: write(files() + [member(f"x{i}") for i in range(62)]),
	"huge": lambda: huge("initrd", 5 << 30),
	"huge-other": lambda: huge("other", 1 << 60),
	"hollow": lambda: write(without("vmlinuz") + [member("vmlinuz")]),
	"no-kernel": lambda: write(without("vmlinuz")),
	"no-initrd": lambda: write(without("initrd")),
	"no-manifest": lambda: write(without("manifest.json")),
	"manifest-large": lambda: write(files(b"{}" + b" " * 1048576)),
	"manifest-text": lambda: write(files(b"kernel: 1")),
	"manifest-array": lambda: write(files(b"[1]")),
	"manifest-twice": lambda: write(files(b'{"a": 1, "a": 2}')),
	"manifest-deep": lambda: write(files(b'{"a":' + b"[" * 100000)),
	"manifest-sum": lambda: changed(sha256={"initrd": sha(b"other")}),
	"manifest-size": lambda: changed(vmlinuz={"size": 3}),
	"manifest-no-sum": lambda: changed(initrd={"sha256": 3}),
	"empty": lambda: write([]),
	"nothing": lambda: open(file, "wb").close(),
	"text": lambda: open(file, "w").write("no tar at all\n" * 100),
	# Where the members begin: 0, 300544, 1001472, each with a header of 512.
	"cut-kernel": lambda: cut(100000),
	"cut-behind": lambda: cut(300544),
	"cut-header": lambda: cut(300644),
	"cut-manifest": lambda: cut(1002084),
}
KINDS[kind]()
