"""Tests of the calls one by one: what each answers in each situation, and what it makes of wrong arguments."""
