"""Commands as they are asked for: what the methods of `domain.service.ThreadService` turn into
decisions, grouped by what they are about."""
