"""What all tests share: no test may fail for being slow, because machines are shared and code compiles at first use."""

from hypothesis import settings

settings.register_profile("fabricbench", deadline=None)
settings.load_profile("fabricbench")
