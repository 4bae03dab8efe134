# What can be done here. `just check` is exactly what CI does.

# List this.
default:
    @just --list

# Everything, in CI's order.
check:
    bash .ci/run

# Serve on http://localhost:8000 with an embedded database.
run *args:
    cargo run --release --bin dalston-gateway -- {{args}}

# The tests; with words, those whose names hold them.
test *words:
    bash tests/run {{words}}

# The README's commands and its walk on a fresh Debian, made for the purpose; as root. With words, only those tests.
fresh *words:
    bash tests/fresh {{words}}

# Compare the gateway with its peers; installs them.
bench:
    bash benches/run

# Measure its parts.
micro:
    cargo build --release --bin dalston-gateway
    cargo bench -p dalston-benches

# Throw hostile files at it beside another tenant's requests.
bombs:
    cargo build --release --bin dalston-gateway
    python3 benches/bombs.py

# Throw mutated audio at it, for so many seconds.
fuzz seconds="600":
    cargo build --release --bin dalston-gateway
    cargo run --release --manifest-path fuzz/Cargo.toml -- {{seconds}}

# Write all code the same way.
fmt:
    cargo fmt --all

# What clippy says.
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Renew the generated parts of the documents.
pages:
    rm -rf target/pages
    cargo test -p dalston-tests --test all --locked -- documents::generated || cp -r target/pages/. docs/

# Show the book; installs mdBook if it is missing.
docs:
    command -v mdbook >/dev/null || cargo install mdbook --locked
    mdbook serve --open
