"""Who may do what: users, tokens, roles, ACLs, tickets."""
