"""What is wrong with a run, in a sentence, with the figures and the remedy.

``history.py`` reads the rows that training writes, ``networks.py`` looks at generator and critic themselves, ``lattice.py`` at
the spectrum of images, and what they find is a Finding.  ``watch.py`` does what is cheap while training goes on, ``examine.py`` all of it afterwards.
Read ``docs/diagnosis.md`` first.
"""
