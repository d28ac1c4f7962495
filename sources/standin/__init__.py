"""A local stand-in for the Hub: its protocol, with a world of our own behind it.

It serves the demo, the tests and the replay of real records. It leaves the meaning of rows to
`sources.hub`: here rows stay the Hub's.
"""
