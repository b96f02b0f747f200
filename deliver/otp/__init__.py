"""What an OTP release is: its manifest, its applications, what it runs on. Pure."""
