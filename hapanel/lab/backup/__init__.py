"""vzdump and restore: archives on storages, how they come about and what they turn into."""
