"""Another version of Naober from one file, without internet: checked, proven, or turned back by itself.

    bundle.py    the file: packages for each Debian release, notes, and the authority's signature
    machine.py   what this machine is and runs
    repack.py    the package that is installed, made again from its files
    stage.py     everything that is checked and put ready before anything changes
    runner.py    carries it out. Not part of any version: it runs from a copy, by itself

Source: experience, section 1 "Upgrade", T11.
"""
