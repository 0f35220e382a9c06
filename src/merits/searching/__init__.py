"""Runs the search for better candidates: improvers propose, `evaluating` tries, `deciding` judges. Decides nothing."""

from merits.searching.budget import SearchBudget
from merits.searching.gains import improvement_of
from merits.searching.steering import Found, Plan, Planned, Watching, plan, search

__all__ = ["Found", "Plan", "Planned", "SearchBudget", "Watching", "improvement_of", "plan", "search"]
