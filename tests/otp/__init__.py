"""What an OTP release is."""
