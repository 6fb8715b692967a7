# `make run` shows the product, `make test` proves it. Both set up what they need.

.PHONY: run test check bench test-nas screenshots setup

run: setup
	.venv/bin/capstan up --demo

test: check
	@tools/apt.sh
	.venv/bin/pytest -n 2 --dist loadgroup

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup
	@tools/apt.sh
	$(MAKE) -C bench
	.venv/bin/python -m bench.run

# A real router in network namespaces: needs root (NET_ADMIN), so it stays outside the gate.
test-nas: setup
	@tools/apt.sh ocserv openconnect iproute2 iptables iperf3 iputils-ping openssl
	.venv/bin/pytest -o addopts="-q -p no:cacheprovider" tests/nas

# Every page in light and dark, on a phone and a desk: out/screenshots/index.html. `make screenshots ONLY="home top-up"` for some.
screenshots: setup
	@tools/apt.sh
	.venv/bin/python -m tools.screenshots $(ONLY)

setup:
	@tools/setup.sh
