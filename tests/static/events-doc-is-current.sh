# docs/events.md is what the schema says today.
diff "$SOURCE/docs/events.md" <("$BUILD/docs/print-events") || { echo "run: cmake --build build --target events-doc"; exit 1; }
