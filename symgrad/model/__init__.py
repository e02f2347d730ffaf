"""The public surface: declare, differentiate, compile."""
