"""The monitor's store on SQLite or PostgreSQL: tables, connections, and what is read from them."""
