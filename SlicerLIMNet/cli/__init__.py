"""The command line `limnet`: one file a command, each thin over session, runner or trainer."""
