#!/bin/sh
# keep-ptxas.sh nvcc … -o OBJECT …: runs the compiler; what ptxas reports goes to OBJECT.ptxas, the
# rest to standard error.
object=
previous=
for argument; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
"$@" 2>"$object.log"
status=$?
grep -E "^ptxas info|bytes stack frame" "$object.log" >"$object.ptxas"
grep -vE "^ptxas info|bytes stack frame" "$object.log" >&2
rm -f "$object.log"
exit $status
