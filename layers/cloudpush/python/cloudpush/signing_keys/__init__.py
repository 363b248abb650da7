"""`ports.SigningKeys`: a shared secret, by reference, or the JWKS of an identity provider."""
