"""The demonstration: which model should tell whether a customer liked it?"""
