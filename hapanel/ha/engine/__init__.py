"""The HA manager as a pure function: world in, world and events out.

`step` moves it, `actions` are what people and hardware do to it, `environment` gives it time.
docs/ha.md says how the parts fit and what the whole is proven against.
"""
