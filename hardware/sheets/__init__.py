"""One module for each subject of a board; both boards share what they can.

Every function takes a Project and gives the Sheet it drew. Positions are squares of 2.54 mm.
"""
