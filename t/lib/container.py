"""
container: builds and runs what a Containerfile describes, without an engine:
layers are overlays over a Debian in a directory, a container is some namespaces
and a chroot.  What it does not know it refuses.

	container.py build FILE CONTEXT BASE CACHE WORK [ARG=VALUE...]
	container.py run WORK COMPOSE SERVICE VOLUMES
	container.py exec WORK PID COMMAND...
	container.py show FILE

BASE stands for debian:trixie-slim.  Layers that depend on no file of CONTEXT are
kept in CACHE, the others and image.json are in WORK.  build and run want a mount
namespace of their own.  run becomes process 1 of the container: run it in a new
PID namespace, too.  What COMPOSE's SERVICE says of mounts, capabilities and
environment holds; its named volumes are directories in VOLUMES.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

BASES = ("docker.io/library/debian:trixie-slim", "debian:trixie-slim")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEEP = 7 * 86400 # s since a layer was used


class Bad(Exception):
	pass


# --- reading -------------------------------------------------------------------

def instructions(path):
	"""Line number, word and the rest of each, continued lines joined."""
	start, text = 0, ""
	with open(path) as f:
		for number, line in enumerate(f, 1):
			line = line.rstrip("\n")
			if line.lstrip().startswith("#") or not (text or line.strip()):
				continue
			start = start or number
			if line.endswith("\\"):
				text += line[:-1]
				continue
			word, _, rest = (text + line).strip().partition(" ")
			yield start, word, rest.strip()
			start, text = 0, ""
	if text:
		raise Bad("line %d is not ended" % start)


def flags(rest, known):
	"""The --name=value in front, and what follows."""
	found = {}
	while rest.startswith("--"):
		flag, _, rest = rest.partition(" ")
		name, equals, value = flag[2:].partition("=")
		if name not in known or not equals:
			raise Bad("flag %s is not known" % flag)
		found[name] = value
		rest = rest.lstrip()
	return found, rest


def expand(text, env):
	"""$NAME and ${NAME}."""
	def value(m):
		name = m[1] or m[2]
		if name not in env:
			raise Bad("$%s is not set" % name)
		return env[name]
	return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)


def command(rest):
	"""A JSON array, or words for a shell."""
	if rest.startswith("["):
		return json.loads(rest)
	if rest.startswith("<<"):
		raise Bad("here-documents are not known")
	if rest.startswith("--"):
		raise Bad("flag %s is not known" % rest.split()[0])
	return ["/bin/sh", "-c", rest]


def pairs(rest, env):
	for word in shlex.split(rest):
		name, equals, value = word.partition("=")
		if not equals:
			raise Bad("%s: NAME=VALUE is wanted" % word)
		yield name, expand(value, env)


# --- layers ----------------------------------------------------------------------

def run(*argv, **options):
	subprocess.run(argv, check=True, **options)


class Builder:
	def __init__(self, context, base, cache, work, args):
		self.context, self.base = context, base
		self.cache, self.work, self.args = cache, work, args
		self.stages, self.stage = {}, None

	def begin(self, rest):
		words = rest.split()
		if words[0] not in BASES or len(words) not in (1, 3) or \
				(len(words) == 3 and words[1].upper() != "AS"):
			raise Bad("FROM %s: only %s is there" % (rest, BASES[1]))
		self.stage = {"layers": [self.base], "env": {"PATH": PATH},
			"args": {}, "workdir": "/", "user": "0:0", "volumes": [],
			"expose": [], "entrypoint": [], "cmd": [], "health": None,
			# A base that was made anew makes all anew.
			"key": str(os.stat(self.base).st_ctime_ns)}
		self.stages[words[2] if len(words) == 3 else ""] = self.stage

	def layer(self, what, do):
		"""do(TREE) on the stage's tree; cached while key is not None."""
		s = self.stage
		if s["key"] is not None:
			s["key"] = hashlib.sha256((s["key"] + what).encode()).hexdigest()[:32]
			path = os.path.join(self.cache, s["key"])
		else:
			path = os.path.join(self.work, "layer%d" % len(os.listdir(self.work)))
		if not os.path.isdir(path):
			print("+", what[:200], flush=True)
			self.make(path, do)
		os.utime(path) # of use
		s["layers"].insert(0, path)

	def make(self, path, do):
		new, scratch, tree = path + ".new", path + ".work", path + ".tree"
		for directory in (new, scratch, tree):
			shutil.rmtree(directory, ignore_errors=True)
			os.makedirs(directory)
		mount_overlay(tree, self.stage["layers"], new, scratch)
		try:
			do(tree)
		finally:
			run("umount", "--recursive", tree)
			shutil.rmtree(scratch)
			os.rmdir(tree)
		os.rename(new, path)

	def variables(self):
		return dict(self.stage["env"], **self.stage["args"])

	def do_run(self, rest):
		argv = command(rest)
		uid, _, gid = self.stage["user"].partition(":")

		def do(tree):
			run("mount", "--rbind", "/dev", tree + "/dev")
			run("mount", "-t", "proc", "proc", tree + "/proc")
			run("chroot", "--userspec=%s:%s" % (uid, gid or uid), tree,
				"env", "-i", "-C", self.stage["workdir"],
				*("%s=%s" % p for p in self.variables().items()), *argv,
				stdin=subprocess.DEVNULL)
		self.layer("RUN %s %s" % (sorted(self.variables().items()), rest), do)

	def do_copy(self, rest):
		given, rest = flags(rest, ("from", "chmod"))
		*sources, to = expand(rest, self.variables()).split()
		if not sources:
			raise Bad("COPY wants a source and a destination")
		if "from" in given:
			lower = self.stages[given["from"]]["layers"]
		elif os.path.isabs(sources[0]) or ".." in rest:
			raise Bad("COPY %s leaves the context" % rest)
		# What is copied may change: all from here on is made anew.
		self.stage["key"] = None

		def do(tree):
			root = self.context
			if "from" in given:
				root = os.path.join(self.work, "from")
				os.makedirs(root, exist_ok=True)
				mount_overlay(root, lower)
			try:
				self.copy(root, sources, tree, to, given.get("chmod"))
			finally:
				if root != self.context:
					run("umount", root)
					os.rmdir(root)
		self.layer("COPY " + rest, do)

	def copy(self, root, sources, tree, to, mode):
		dest = tree + os.path.join(self.stage["workdir"], to)
		inside = to.endswith("/") or to in (".", "./") or os.path.isdir(dest)
		if len(sources) > 1 and not inside:
			raise Bad("COPY of several wants a directory: %s/" % to)
		for source in sources:
			path = os.path.join(root, source.lstrip("/"))
			if os.path.isdir(path):
				os.makedirs(dest, exist_ok=True)
				run("cp", "-RP", "--preserve=mode,timestamps,links",
					path + "/.", dest)
				continue
			os.makedirs(dest if inside else os.path.dirname(dest),
				exist_ok=True)
			at = os.path.join(dest, os.path.basename(path)) if inside else dest
			shutil.copy(path, at)
			if mode:
				os.chmod(at, int(mode, 8))

	def do_workdir(self, rest):
		path = os.path.join(self.stage["workdir"], expand(rest,
			self.variables()))
		self.stage["workdir"] = path
		self.layer("WORKDIR " + path,
			lambda tree: os.makedirs(tree + path, exist_ok=True))

	def do_arg(self, rest):
		for name, value in pairs(rest, self.variables()):
			self.stage["args"][name] = self.args.get(name, value)

	def do_env(self, rest):
		self.stage["env"].update(pairs(rest, self.variables()))

	def do_user(self, rest):
		if not re.fullmatch(r"\d+(:\d+)?", rest):
			raise Bad("USER %s: numbers are wanted" % rest)
		self.stage["user"] = rest

	def do_volume(self, rest):
		self.stage["volumes"] += command(rest) if rest[0] == "[" else \
			rest.split()

	def do_expose(self, rest):
		self.stage["expose"] += [int(port) for port in rest.split()]

	def do_healthcheck(self, rest):
		given, rest = flags(rest, ("interval", "timeout", "start-period",
			"retries"))
		word, _, rest = rest.partition(" ")
		if word != "CMD":
			raise Bad("HEALTHCHECK wants CMD")
		self.stage["health"] = dict(given, command=command(rest.strip()))

	def do_entrypoint(self, rest):
		self.stage["entrypoint"] = command(rest)

	def do_cmd(self, rest):
		self.stage["cmd"] = command(rest)

	def step(self, word, rest):
		if word == "FROM":
			return self.begin(rest)
		do = getattr(self, "do_" + word.lower(), None)
		if do is None or word != word.upper():
			raise Bad("instruction %s is not known" % word)
		if self.stage is None:
			raise Bad("%s before FROM" % word)
		return do(rest)

	def build(self, path):
		for number, word, rest in instructions(path):
			try:
				self.step(word, rest)
			except (Bad, ValueError, KeyError) as e:
				raise Bad("%s:%d: %s" % (path, number, e))
			except subprocess.CalledProcessError as e:
				raise Bad("%s:%d: %s ended with %d" % (path, number, word,
					e.returncode))
		return self.stage


def mount_overlay(tree, layers, upper=None, scratch=None):
	"""Without upper it is read-only, which takes two layers."""
	options = "lowerdir=" + ":".join(layers)
	if upper:
		options += ",upperdir=%s,workdir=%s" % (upper, scratch)
	run("mount", "-t", "overlay", "overlay", "-o", options, tree)


def build(path, context, base, cache, work, *args):
	os.makedirs(cache, exist_ok=True)
	os.makedirs(work)
	b = Builder(context, base, cache, work, dict(a.split("=", 1) for a in args))
	image = b.build(path)
	with open(os.path.join(work, "image.json"), "w") as f:
		json.dump(image, f)
	forget(cache)


def forget(cache):
	"""Layers that no file wants any more."""
	for name in os.listdir(cache):
		path = os.path.join(cache, name)
		if time.time() - os.stat(path).st_mtime > KEEP:
			shutil.rmtree(path)


class Reader(Builder):
	"""Knows the instructions, and does nothing."""
	def layer(self, what, do):
		pass


def show(path):
	print(json.dumps(Reader("", "/", "", "", {}).build(path)))


# --- running ---------------------------------------------------------------------

def service(compose, name):
	"""The part that is understood, ${NAME:?why} taken from our environment."""
	import yaml

	with open(compose) as f:
		s = yaml.safe_load(f)["services"][name]
	unknown = set(s) - {"build", "image", "environment", "ports", "volumes",
		"read_only", "tmpfs", "cap_drop", "security_opt",
		"stop_grace_period", "restart", "healthcheck"}
	if unknown:
		raise Bad("%s: not known: %s" % (compose, ", ".join(unknown)))
	env = s.get("environment", {})
	for key, value in env.items():
		m = re.fullmatch(r"\$\{(\w+):\?(.*)\}", value)
		if m and not os.environ.get(m[1]):
			raise Bad("%s: %s" % (m[1], m[2]))
		env[key] = os.environ[m[1]] if m else value
	return s


def read_image(work):
	with open(os.path.join(work, "image.json")) as f:
		return json.load(f)


def environment(image, more):
	env = dict(image["env"], HOME="/", **more)
	return ["%s=%s" % p for p in env.items()]


def mount_devices(dev):
	"""What engines give: no devices of the machine."""
	run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
	for name in ("null", "zero", "full", "random", "urandom", "tty"):
		open(os.path.join(dev, name), "w").close()
		run("mount", "--bind", "/dev/" + name, os.path.join(dev, name))
	for name, to in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"),
			("stderr", "/2")):
		os.symlink("/proc/self/fd" + to, os.path.join(dev, name))
	os.mkdir(os.path.join(dev, "shm"))
	run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", dev + "/shm")


def mount_volumes(tree, s, volumes):
	for volume in s.get("volumes", []):
		name, _, at = volume.partition(":")
		path = os.path.join(volumes, name)
		if not os.path.isdir(path): # a new one is as the image has it
			run("cp", "-a", tree + at, path)
		run("mount", "--bind", path, tree + at)


def become(image, s):
	"""What the user may: nothing that takes privileges."""
	uid, _, gid = image["user"].partition(":")
	words = ["setpriv", "--reuid=" + uid, "--regid=" + (gid or uid),
		"--clear-groups"]
	if s["cap_drop"] == ["ALL"]:
		words += ["--bounding-set=-all", "--inh-caps=-all"]
	if "no-new-privileges:true" in s["security_opt"]:
		words += ["--no-new-privs"]
	return words


def start(work, compose, name, volumes):
	image, s = read_image(work), service(compose, name)
	tree = os.path.join(work, "root")
	os.makedirs(tree, exist_ok=True)
	if not s["read_only"]:
		raise Bad("a root that can be written is not known")
	mount_overlay(tree, image["layers"])
	mount_volumes(tree, s, volumes)
	for at in s["tmpfs"]:
		run("mount", "-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs",
			tree + at)
	mount_devices(tree + "/dev")
	run("mount", "-t", "proc", "proc", tree + "/proc")
	run("ip", "link", "set", "lo", "up")
	config = dict(user=become(image, s),
		env=environment(image, s.get("environment", {})))
	with open(os.path.join(work, "container.json"), "w") as f:
		json.dump(config, f)
	os.execvp("chroot", ["chroot", tree] + config["user"] +
		["env", "-i", "-C", image["workdir"]] + config["env"] +
		image["entrypoint"] + image["cmd"])


def execute(work, pid, *argv):
	"""COMMAND in a running container; its health check for --health."""
	if argv == ("--health",):
		argv = read_image(work)["health"]["command"]
	with open(os.path.join(work, "container.json")) as f:
		config = json.load(f)
	os.execvp("nsenter", ["nsenter", "--target", pid, "--mount", "--pid",
		"--net", "--root", "--wd"] + config["user"] + ["env", "-i"] +
		config["env"] + list(argv))


def main():
	what = {"build": build, "run": start, "exec": execute, "show": show}
	try:
		what[sys.argv[1]](*sys.argv[2:])
	except Bad as e:
		sys.exit("container.py: %s" % e)


main()
