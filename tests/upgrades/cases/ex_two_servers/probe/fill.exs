Sample.Left.put(:here)
