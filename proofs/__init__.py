"""The promises of this service, each proved by one command: `./run proof NAME`.

A proof is a module of this package: its docstring says what it proves, `add_arguments(parser)` declares its size and
its seed, `prove(options)` runs it and returns a Report. It makes its own world (state directory, PostgreSQL, image
servers) and leaves nothing behind. The tests run small versions of the same functions.
"""
