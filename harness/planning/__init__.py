"""What a recipe would take: time, tokens, memory and money on paper, and what is missing here."""
