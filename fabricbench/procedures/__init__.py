"""Procedures: measure, judge, decide what to measure next; a page of calls each."""
