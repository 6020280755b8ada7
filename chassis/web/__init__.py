"""The web shell: app factory, sign-in, roles, sessions, problems, pages. It knows no record of the CRM."""
