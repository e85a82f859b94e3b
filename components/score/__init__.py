"""The score stage: answers for every row of a table, by a model bundle."""
