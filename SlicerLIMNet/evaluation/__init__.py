"""How good the engine is: a simulated user, its runs over volumes, and pages that show them."""
