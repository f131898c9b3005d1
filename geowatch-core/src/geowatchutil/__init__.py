"""The names of geowatch-util, of 2015, for code that was written after its pages.

Each stands for something of today, in `geowatch_core`, and says so once, in a warning.
There is no logic here: `provision` and `Broker` do the work. What each name became, and what
it does better, is on the page *Coming from geowatch-util*.
"""
