"""Runs the search for better candidates: improvers propose, `evaluating` tries, `deciding` judges. Decides nothing."""

from merits.searching.budget import SearchBudget
from merits.searching.gains import improvement_of
from merits.searching.steering import Found, Plan, Planned, plan, search
from merits.searching.watching import Unwatched, Watching

__all__ = ["Found", "Plan", "Planned", "SearchBudget", "Unwatched", "Watching", "improvement_of", "plan", "search"]
