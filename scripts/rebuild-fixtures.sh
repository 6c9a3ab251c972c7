#!/bin/sh
# Rebuilds the fixtures that LLVM 19 makes and says whether they are what is committed.
#
#   scripts/rebuild-fixtures.sh           compares; exit 1 when something differs
#   scripts/rebuild-fixtures.sh --accept  replaces the committed files
set -eu
cd "$(dirname "$0")/../asm/fixtures"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

llvm-mc-19 -triple bpfel -mcpu=v4 --filetype=obj -o "$out/spellings.o" spellings.s
llvm-objcopy-19 -O binary --only-section=.text "$out/spellings.o" "$out/spellings.bin"
od -An -v -tx1 -w8 "$out/spellings.bin" | tr -d ' ' >"$out/spellings.hex"

for source in *.c; do
  name=${source%.c}
  clang-19 -S -O2 -target bpf -mcpu=v4 -o "$out/$name.s" "$source"
  clang-19 -S -O2 -g -target bpf -mcpu=v4 -fdebug-compilation-dir=. -o "$out/$name-debug.s" "$source"
  # The bytes that clang's own assembler makes, section by section.
  clang-19 -c -O2 -target bpf -mcpu=v4 -o "$out/$name.o" "$source"
  for section in text syscall; do
    rm -f "$out/code.bin"
    llvm-objcopy-19 -O binary --only-section=$section --only-section=.$section "$out/$name.o" "$out/code.bin"
    test -s "$out/code.bin" && od -An -v -tx1 -w8 "$out/code.bin" | tr -d ' ' >"$out/$name-$section.hex"
  done
done

# The example whose tree is C.
example=../../examples/arena-rbtree
(cd $example && clang-19 -S -O2 -target bpf -mcpu=v4 -o "$out/rbtree.s" rbtree.c)

status=0
for file in "$out"/*.s "$out"/*.hex; do
  name=$(basename "$file")
  test "$name" = rbtree.s && name=$example/rbtree.s
  if [ "${1-}" = --accept ]; then
    cp "$file" "$name"
  elif ! cmp -s "$file" "$name"; then
    echo "$name differs from what LLVM 19 makes now" >&2
    status=1
  fi
done
exit $status
