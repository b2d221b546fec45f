#!/usr/bin/python3
"""nbdmux_export: one export of nbdmux, by nbdmux-add(8) and nbdmux-rm(8)."""

DOCUMENTATION = r"""
module: nbdmux_export
short_description: Add, change or remove an export of nbdmux
description:
  - Makes an image, or what is fetched from a URL, an export, and waits until
    the daemon serves it; see nbdmux-add(8).  What the daemon refuses is put
    back as it was, and its reason is the error.
  - What is not given goes back to its default.
options:
  name:
    description: The export.
    type: str
    required: true
  state:
    description: Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
  file:
    description: The image, a file or block device of the managed machine.
    type: str
  url:
    description: Where the image is fetched from, instead of C(file).
    type: str
  options:
    description: >-
      The other keys of nbdmux-export(5): texts, numbers, booleans, lists.
    type: dict
    default: {}
  raw:
    description: Serve the bytes of the image, whatever format they look like.
    type: bool
    default: false
  wait:
    description: Whether to wait until what C(url) names is fetched.
    type: bool
    default: true
  timeout:
    description: How long the daemon may take to answer, in seconds.
    type: str
  kick:
    description: With C(state=absent), disconnect its clients.
    type: bool
    default: false
  bindir:
    description: Where nbdmux-add is, when it is not in the PATH.
    type: str
"""

RETURN = r"""
result:
  description: added, changed, unchanged, removed or absent.
  type: str
served:
  description: Whether the daemon serves it now.
  type: bool
uri:
  description: Where clients find it, if that is known.
  type: str
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule

NOTHING = ("unchanged", "absent")
# Where nbdmux-add looks.
SPOOL = os.environ.get("NBDMUX_SPOOL") or "/var/spool/nbdmux"


def text(value):
	"""A value of YAML as the entry has it."""
	if isinstance(value, bool):
		return "yes" if value else "no"
	if isinstance(value, list):
		return ", ".join(text(v) for v in value)
	return str(value)


class Export:
	def __init__(self, module):
		self.module = module
		self.name = module.params["name"]

	def fail(self, why, **facts):
		self.module.fail_json(msg="export %s: %s" % (self.name or '""', why),
			**facts)

	def program(self, name):
		"""None when it is only to be installed, by what is checked."""
		dirs = [d for d in (self.module.params["bindir"],) if d]
		path = self.module.get_bin_path(name, opt_dirs=dirs)
		if self.module.check_mode and not os.path.isdir(SPOOL):
			return None
		if path is None and not self.module.check_mode:
			self.fail("%s is not installed" % name)
		return path

	def run(self, argv):
		"""What it prints in JSON; its error is ours."""
		status, out, err = self.module.run_command(argv)
		if status != 0:
			said = "; ".join(err.strip().splitlines())
			self.fail(said or "%s ended with %d" % (argv[0], status),
				rc=status)
		return json.loads(out)

	def before(self):
		"""The text of its entry, for --diff."""
		try:
			with open(os.path.join(SPOOL, self.name + ".ini")) as f:
				return f.read()
		except (OSError, ValueError):
			return ""

	def options(self):
		p = self.module.params
		words = []
		for key, value in sorted(p["options"].items()):
			if value is not None:
				words.append("--%s=%s" % (key.replace("_", "-"),
					text(value)))
		if p["raw"]:
			words.append("--raw")
		if not p["wait"]:
			words.append("--no-wait")
		if p["timeout"]:
			words.append("--timeout=" + p["timeout"])
		return words

	def add(self, checking):
		given = [self.module.params[key] for key in ("file", "url")
			if self.module.params[key]]
		if len(given) != 1:
			self.fail("a file or a url is needed" if not given else
				"either a file or a url, not both")
		add = self.program("nbdmux-add")
		if add is None:
			return {"result": "added"}
		return self.run([add, "--json"] + checking + self.options() +
			["--", self.name] + given)

	def remove(self, checking):
		rm = self.program("nbdmux-rm")
		if rm is None:
			return {"result": "absent"}
		kick = ["--kick"] if self.module.params["kick"] else []
		told = self.run([rm, "--json"] + checking + kick +
			["--", self.name])
		return told["results"][0]

	def settle(self):
		checking = ["--check"] if self.module.check_mode else []
		before = self.before()
		if self.module.params["state"] == "present":
			told = self.add(checking)
		else:
			told = self.remove(checking)
		facts = {key: told.get(key) for key in ("result", "served", "uri")}
		facts["changed"] = told["result"] not in NOTHING
		if self.module._diff and facts["changed"]:
			title = self.name + ".ini"
			facts["diff"] = {"before_header": title,
				"after_header": title, "before": before,
				"after": told.get("entry") or ""}
		self.module.exit_json(**facts)


def main():
	module = AnsibleModule(
		argument_spec={
			"name": {"type": "str", "required": True},
			"state": {"type": "str", "default": "present",
				"choices": ["present", "absent"]},
			"file": {"type": "str"},
			"url": {"type": "str"},
			"options": {"type": "dict", "default": {}},
			"raw": {"type": "bool", "default": False},
			"wait": {"type": "bool", "default": True},
			"timeout": {"type": "str"},
			"kick": {"type": "bool", "default": False},
			"bindir": {"type": "str"},
		},
		supports_check_mode=True)
	Export(module).settle()


main()
