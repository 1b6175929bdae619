"""One module a page: what it reads, what it shows, what it lets people do."""
