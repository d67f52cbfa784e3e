# docs/drivers.md is what the schema and the backends say today.
diff "$SOURCE/docs/drivers.md" <("$BUILD/docs/print-drivers") || { echo "run: cmake --build build --target drivers-doc"; exit 1; }
