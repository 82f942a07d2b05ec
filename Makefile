# `make run` and `make test` install the npm packages they need; README.md says what each target is for.
.PHONY: all clean install setup run test test-engines coverage format check build synth image-load image-transform image-ubuntu
.DEFAULT_GOAL := all

# Written by npm after an install: it is older than the lock file when something is to be installed.
INSTALLED := node_modules/.package-lock.json

all: check build

$(INSTALLED): package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

install: $(INSTALLED)

# What the tests use beyond npm packages. Without it they skip, by name, what needs it.
setup:
	@test/setup.sh

# The bundled sample, from prices to answers: no network, no account.
run: install
	@npm run -s signals -- quickstart

test: install
	@npm test -s

# Hours of stress and kills on lakes in folders and on a real S3 server, which Go 1.25 or later builds the first time.
test-engines: install
	@npm run -s test:engines

# A table per file; code that runs only in processes of its own counts as not covered.
coverage: install
	@npm run -s coverage

format: install
	@npm run -s format

# What CI runs after `make setup`: format, lint, types, dead code, tests.
check: install
	@npm run -s check
	@npm test -s

# Bundles that images, Lambdas and the installed package run.
build: install
	@npm run -s build

# What AWS would be told, into cdk.out/: no account, no network, no docker.
synth: install
	@npx cdk synth --quiet

# The images of the jobs, for ARM64 wherever they are built, and one of this machine to develop in.
image-load image-transform: image-%: docker/Dockerfile
	docker buildx build --load --platform linux/arm64 --target $* --tag signals_$* --file $< .

image-ubuntu: docker/Dockerfile
	docker buildx build --load --target ubuntu --tag signals_ubuntu --file $< .

# What can be made again; lakes and credentials under data/ stay.
clean:
	rm -rf node_modules dist coverage .venv cdk.out
