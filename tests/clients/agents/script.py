"""What is said in the three turns of a scripted session, and the context of the models."""

#: Of both models. To the script a byte is a token, and agents shorten what fills their context.
CONTEXT = 262_144

GREETING, THANKS = "Say hi.", "Thank you."
#: A turn that has it is answered by a call of COMMAND, until OUTPUT has come back.
ASKED = "Run the command, please."
#: What the command prints does not stand in the command.
COMMAND, OUTPUT = "echo west$((6 * 7))lake", "west42lake"
ANSWER = "All is well."
