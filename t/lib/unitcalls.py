#!/usr/bin/python3
"""
unitcalls: run a program with the system calls that a unit leaves it, as systemd
does; where there is no systemd to run the unit.

	unitcalls.py UNIT COMMAND [ARGUMENT ...]

Knows SystemCallFilter with what is allowed, SystemCallErrorNumber and
RestrictSUIDSGID, which takes openat2 away and the two bits from chmod.
"""

import ctypes
import errno
import os
import subprocess
import sys

KILL, ALLOW, ERRNO = 0x80000000, 0x7fff0000, 0x00050000
MASKED_EQUAL = 7 # SCMP_CMP_MASKED_EQ
BITS = 0o4000, 0o2000
MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "mkdir": 1, "mkdirat": 2}


class Compare(ctypes.Structure):
	_fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
		("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(path):
	found = {}
	for line in open(path):
		key, equals, value = line.strip().partition("=")
		if equals and not key.startswith("#"):
			found.setdefault(key, []).extend(value.split())
	return found


def expand(names):
	for name in names:
		if not name.startswith("@"):
			yield name
			continue
		told = subprocess.run(["systemd-analyze", "syscall-filter", name],
			check=True, capture_output=True, text=True).stdout
		lines = (line.strip() for line in told.splitlines()[1:])
		yield from expand(n for n in lines if n and n[0] != "#")


class Filter:
	def __init__(self, otherwise):
		self.lib = ctypes.CDLL("libseccomp.so.2")
		self.lib.seccomp_init.restype = ctypes.c_void_p
		self.ctx = ctypes.c_void_p(self.lib.seccomp_init(
			ctypes.c_uint32(otherwise)))

	def rule(self, action, name, *compare):
		number = self.lib.seccomp_syscall_resolve_name(name.encode())
		if number < 0: # of another architecture, or newer than the library
			return
		rc = self.lib.seccomp_rule_add_array(self.ctx,
			ctypes.c_uint32(action), number, len(compare),
			(Compare * len(compare))(*compare))
		if rc != 0 and rc != -errno.EACCES: # which is the default anyhow
			sys.exit("unitcalls: %s: %s" % (name, os.strerror(-rc)))

	def load(self):
		rc = self.lib.seccomp_load(self.ctx)
		if rc != 0:
			sys.exit("unitcalls: %s" % os.strerror(-rc))


def calls(unit):
	number = unit.get("SystemCallErrorNumber")
	f = Filter(ERRNO | getattr(errno, number[0]) if number else KILL)
	for name in set(expand(["@default"] + unit["SystemCallFilter"])):
		f.rule(ALLOW, name)
	f.load()


def bits():
	f = Filter(ALLOW)
	f.rule(ERRNO | errno.ENOSYS, "openat2")
	for name, arg in MODES.items():
		for bit in BITS:
			f.rule(ERRNO | errno.EPERM, name,
				Compare(arg, MASKED_EQUAL, bit, bit))
	f.load()


def main():
	unit = settings(sys.argv[1])
	if unit.get("RestrictSUIDSGID") == ["yes"]:
		bits()
	calls(unit)
	os.execvp(sys.argv[2], sys.argv[2:])


main()
