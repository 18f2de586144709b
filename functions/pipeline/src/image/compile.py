"""Byte-compiles the files that a list names, so that the result depends on their content and final place alone.

Called as: python -c <this text> <list> <folder> <final folder>. Each line of the list is a path relative to the folder.
Files that are not valid Python (templates, examples for other versions) are passed over, as pip does.
"""
import py_compile
import sys
import warnings

warnings.simplefilter("ignore")
listed, folder, final = sys.argv[1:4]
failed = 0
with open(listed, encoding="utf-8") as lines:
    for line in lines:
        path = line.rstrip("\n")
        try:
            py_compile.compile(
                f"{folder}/{path}",
                dfile=f"{final}/{path}",
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError, UnicodeError):
            failed += 1
print(failed)
