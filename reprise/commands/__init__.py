"""The commands of ``reprise``: one module each, with `add_arguments` and `run`.

They import nothing heavy until they run, so that ``reprise --help`` is there at once.
"""
