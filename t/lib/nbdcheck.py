"""nbdcheck: what the cases say of a server: verdicts, and what they compare."""

import time

from nbdwire import *


class Fail(Exception):
	"""The rule does not hold."""


class Closed(Fail):
	"""The server closed the connection where it should not have."""


class Skip(Exception):
	"""The rule cannot be tested here; says why."""


def check(condition, text):
	if not condition:
		raise Fail(text)


def equal(what, got, want):
	if isinstance(got, (bytes, bytearray)) and got != want:
		at = next((i for i, (a, b) in enumerate(zip(got, want))
			if a != b), min(len(got), len(want)))
		raise Fail(f"{what}: {len(got)} bytes, {len(want)} expected; "
			f"different at {at}: {got[at:at + 16].hex(' ')}, "
			f"expected {want[at:at + 16].hex(' ')}")
	check(got == want, f"{what}: {brief(got)}, expected {brief(want)}")


def brief(value):
	words = repr(value)
	return words if len(words) < 400 else words[:400] + " ..."


def error_in(what, got, allowed):
	check(got in allowed, f"{what}: {error_name(got)}, expected "
		+ " or ".join(ERRORS[e] for e in allowed))


def until(what, condition, seconds=5.0):
	"""Wait for a condition; returns its value."""
	end = time.monotonic() + seconds
	while True:
		value = condition()
		if value:
			return value
		if time.monotonic() > end:
			raise Fail(f"{what}: not within {seconds:g} s")
		time.sleep(0.02)


def check_string(what, data):
	check(len(data) <= STRING_MAX, f"{what} is {len(data)} bytes long")
	check(b"\0" not in data, f"{what} has a NUL: {data[:64]!r}")
	try:
		return data.decode()
	except UnicodeDecodeError:
		raise Fail(f"{what} is not UTF-8: {data[:64]!r}") from None
