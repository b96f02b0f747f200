{Sample.Door.push(), Sample.Door.push()} == {:open, :shut}
