Ground.step() == 0
