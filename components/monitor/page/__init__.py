"""The page that a person looks at: what the store holds, as HTML without scripts or addresses."""
