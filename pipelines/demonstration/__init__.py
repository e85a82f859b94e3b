"""The loop in front of one's eyes: card transactions whose fraud changes at a known time."""
