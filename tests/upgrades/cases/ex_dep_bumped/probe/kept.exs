Ground.step() > 0
