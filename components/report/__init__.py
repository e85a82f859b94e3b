"""What pages for people are made of: words, tables, drawings, and one style sheet."""
