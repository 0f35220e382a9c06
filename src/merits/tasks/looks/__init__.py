"""What inputs hold, looked at before anything is spent: texts, columns, pictures, sounds, events; a file each."""
