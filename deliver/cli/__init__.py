"""The Invoke tasks: parse, call one flow, show. The only room that prints."""
